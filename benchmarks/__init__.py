"""What the README's performance figures are made with. Each file is a command."""
