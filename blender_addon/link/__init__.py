"""The connection to the backend: its environment, process and HTTP interface. Imports no bpy."""
