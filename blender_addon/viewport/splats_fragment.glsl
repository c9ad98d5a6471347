// One pixel of one splat, premultiplied; colors are sRGB and blended as such.

const float MIN_ALPHA = 1.0 / 255.0;
const float MAX_ALPHA = 0.999;

void main()
{
  if (camera.target.z > 0.0) {
    ivec2 pixel = ivec2(place * vec2(textureSize(scene_depth, 0)));
    if (texelFetch(scene_depth, pixel, 0).r < depth) {
      discard;
    }
  }
  float alpha = min(MAX_ALPHA, color.a * exp(-0.5 * dot(sigmas, sigmas)));
  if (alpha < MIN_ALPHA) {
    discard;
  }
  splat_color = vec4(color.rgb * alpha, alpha);
}
