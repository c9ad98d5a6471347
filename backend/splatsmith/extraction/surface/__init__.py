"""From depth maps or densities to a triangle surface within the face budget."""
