"""How far models, force field and other methods are from quantum chemistry, on frames that were labelled by it."""
