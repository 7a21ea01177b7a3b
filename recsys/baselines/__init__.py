"""What a recommender is compared with, a model a file. `named` finds them; nothing loads early."""
