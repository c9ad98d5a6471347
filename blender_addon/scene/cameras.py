"""Cameras that follow a scene's camera path."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Matrix

from ..contract.camera_path import CameraPath, Pose

POSE_FRAMES = 48  # from one pose to the next
# Asset frame (Y up, front +Z) to Blender's axes (Z up, front -Y).
_TO_BLENDER = np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.float64)
# Blender's camera axes (y up, looking along -z) to OpenCV's (y down, looking along z).
_TO_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def add_camera(
    path: CameraPath,
    name: str,
    location: tuple[float, float, float],
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """A camera at the path's first pose, animated along the others from the present frame on.

    `location` is where the asset frame's origin lies. It becomes the scene's camera if there is
    none.
    """
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "VERTICAL"
    data.angle_y = math.radians(path.fov)
    data.clip_end = max(data.clip_end, 1000.0)  # scenes are some hundred units deep
    camera = bpy.data.objects.new(name, data)
    camera.rotation_mode = "QUATERNION"
    collection.objects.link(camera)
    scene = bpy.context.scene
    for number, pose in enumerate(path.poses):
        camera.matrix_world = Matrix.Translation(location) @ camera_matrix(pose)
        if len(path.poses) > 1:
            frame = scene.frame_current + number * POSE_FRAMES
            for channel in ("location", "rotation_quaternion"):
                camera.keyframe_insert(channel, frame=frame)
    camera.matrix_world = Matrix.Translation(location) @ camera_matrix(path.poses[0])
    if scene.camera is None:
        scene.camera = camera
    return camera


def camera_matrix(pose: Pose) -> Matrix:
    """A pose (camera to asset frame, OpenCV axes) as the matrix of an object in Blender's axes."""
    matrix = np.array(pose, np.float64).reshape(4, 4)
    return Matrix((_TO_BLENDER @ matrix @ _TO_OPENCV).tolist())
