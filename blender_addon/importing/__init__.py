"""Result files to objects in the scene: reading, placement, and what is done afterwards."""
