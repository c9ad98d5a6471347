"""What the add-on and the backend share: requests, engine cards, job states and the splat file.

Imports the standard library and numpy only, because it also runs in Blender's Python.
"""
