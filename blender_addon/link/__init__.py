"""The way to the backend: its environment, its process, its HTTP interface. No bpy in here."""
