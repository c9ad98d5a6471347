// The splats' image over Blender's viewport.
//
// The viewport blends overlays in linear light: out = V + (1 - A) * behind. For the splats to look
// as if blended in sRGB, V and A are solved for the background's color, and are then exact there.

vec3 to_linear(vec3 encoded)
{
  vec3 dark = encoded / 12.92;
  vec3 light = pow((max(encoded, 0.0) + 0.055) / 1.055, vec3(2.4));
  return mix(light, dark, vec3(lessThan(encoded, vec3(0.04045))));
}

vec4 bilinear(vec2 at)
{
  vec2 size = vec2(textureSize(image, 0));
  vec2 position = at * size - 0.5;
  vec2 share = fract(position);
  ivec2 first = ivec2(floor(position));
  ivec2 last = ivec2(size) - 1;
  vec4 low = mix(texelFetch(image, clamp(first, ivec2(0), last), 0),
                 texelFetch(image, clamp(first + ivec2(1, 0), ivec2(0), last), 0), share.x);
  vec4 high = mix(texelFetch(image, clamp(first + ivec2(0, 1), ivec2(0), last), 0),
                  texelFetch(image, clamp(first + ivec2(1, 1), ivec2(0), last), 0), share.x);
  return mix(low, high, share.y);
}

void main()
{
  vec4 splats = bilinear(place);
  vec3 behind = max(background.rgb, 0.02);
  vec3 wanted = to_linear(min(splats.rgb + (1.0 - splats.a) * behind, 1.0));
  vec3 needed = 1.0 - wanted / to_linear(behind);
  float alpha = clamp(max(splats.a, max(needed.r, max(needed.g, needed.b))), 0.0, 1.0);
  vec3 value = max(wanted - (1.0 - alpha) * to_linear(behind), 0.0);
  overlay = splats.a > 0.0 ? vec4(value, alpha) : vec4(0.0);
}
