"""How fast: Markov state models, rates, correlation times, diffusion and spectra, each with its error."""
