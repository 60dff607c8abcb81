"""Builder of the documentation site; the reference pages are generated from the code."""
