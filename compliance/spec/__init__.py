"""What is known of catalogues and packs without any framework: pure functions, and the verifier that travels in packs."""
