"""The cloud as cameras all around see it, and what those pictures tell of a point."""
