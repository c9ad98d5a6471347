"""What the add-on and the backend share: requests, engine cards, job states and the splat file.

Imports the standard library, numpy and plyfile only, because it also runs in Blender's Python.
"""
