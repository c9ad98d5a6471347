// What a view is drawn with; std140. `packing.view_uniforms` fills it.
struct SplatView {
  mat4 view;             // world to camera
  mat4 projection;
  vec4 target;           // width, height in pixels; 1 if the scene's depth hides splats
  vec4 counts;           // splats drawn, width of the data textures, clipping planes
  vec4 clip_planes[6];   // world space; what is below one is not drawn
};
