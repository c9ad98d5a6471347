"""How the built-in engine `sprout` was made: its data, training, and evaluation."""
