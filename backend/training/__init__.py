"""How the built-in model `sprout` was made: data, networks that do not ship, recipe, evaluation."""
