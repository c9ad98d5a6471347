"""Files become objects in the scene, placed, and treated as the request asked."""
