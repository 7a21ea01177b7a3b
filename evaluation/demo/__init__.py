"""The demo: a service, a shop, one device per shopper, real rounds over HTTP, and a page."""
