"""The pages of the reference that are generated from code, and the parts of other pages that are."""
