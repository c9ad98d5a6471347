// One corner of the ellipse of one splat: EWA splatting (Zwicker et al. 2001, eq. 22-31).
//
// `corner` is the corner in -1..1, and the number of the quad in its batch.

const float EPS2D = 0.3;            // added to the 2D variances, pixels^2
const float MIN_ALPHA = 1.0 / 255.0;
const float CUTOFF_SIGMAS = 3.33;   // where a Gaussian of opacity 1 falls below MIN_ALPHA
const float EDGE_MARGIN = 0.3;      // of the half image, beyond which the slope is clamped

ivec2 texel(int index, int width)
{
  return ivec2(index % width, index / width);
}

mat3 rotation_matrix(vec4 q)  // wxyz
{
  q = q / max(length(q), 1e-12);
  float w = q.x, x = q.y, y = q.z, z = q.w;
  return mat3(vec3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y)),
              vec3(2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x)),
              vec3(2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y)));
}

// Pixels that the image's axes move by, for a move of the view's x or y and z.
vec3 projected(vec3 view_x, vec3 view_z, float focal, float slope, float distance)
{
  bool perspective = camera.projection[3][3] == 0.0;
  return perspective ? focal / distance * (view_x + slope * view_z) : focal * view_x;
}

bool is_clipped(vec3 world)
{
  for (int i = 0; i < int(camera.counts.z); i++) {
    if (dot(camera.clip_planes[i], vec4(world, 1.0)) < 0.0) {
      return true;
    }
  }
  return false;
}

void main()
{
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // outside of the image
  place = vec2(0.0);
  sigmas = vec2(0.0);
  color = vec4(0.0);
  depth = 0.0;

  int drawn = gl_InstanceID * QUADS + int(corner.z);
  if (drawn >= int(camera.counts.x)) {
    return;
  }
  int width = int(camera.counts.y);
  vec4 entry = texelFetch(order, texel(drawn, width), 0);
  int splat = int(entry.x);
  int instance = 7 * int(entry.y);
  vec4 row_x = texelFetch(instances, texel(instance, width), 0);
  vec4 row_y = texelFetch(instances, texel(instance + 1, width), 0);
  vec4 row_z = texelFetch(instances, texel(instance + 2, width), 0);
  vec4 options = texelFetch(instances, texel(instance + 3, width), 0);
  mat3 model = transpose(mat3(row_x.xyz, row_y.xyz, row_z.xyz));

  vec4 center = texelFetch(centers, texel(splat, width), 0);
  float alpha = min(center.w * options.x, 1.0);
  vec3 world = model * center.xyz + vec3(row_x.w, row_y.w, row_z.w);
  vec3 view = (camera.view * vec4(world, 1.0)).xyz;
  vec4 clip = camera.projection * vec4(view, 1.0);
  if (!(alpha >= MIN_ALPHA && clip.w > 0.0 && abs(clip.z) <= clip.w) || is_clipped(world)) {
    return;
  }

  vec2 size = camera.target.xy;
  vec2 scale = vec2(camera.projection[0][0], camera.projection[1][1]);
  vec2 shift = vec2(camera.projection[2][0], camera.projection[2][1]);
  vec2 slope = clamp(view.xy / clip.w, (shift - 1.0 - EDGE_MARGIN) / scale,
                     (shift + 1.0 + EDGE_MARGIN) / scale);
  vec2 focal = 0.5 * size * scale;

  // Columns: the standard deviations along the splat's axes, in the view's axes.
  mat3 axes = mat3(camera.view) * model * rotation_matrix(texelFetch(rotations, texel(splat, width), 0));
  vec3 deviations = options.y * texelFetch(scales, texel(splat, width), 0).xyz;
  axes = transpose(mat3(axes[0] * deviations.x, axes[1] * deviations.y, axes[2] * deviations.z));
  vec3 along_x = projected(axes[0], axes[2], focal.x, slope.x, clip.w);
  vec3 along_y = projected(axes[1], axes[2], focal.y, slope.y, clip.w);
  float xx = dot(along_x, along_x) + EPS2D;
  float yy = dot(along_y, along_y) + EPS2D;
  float xy = dot(along_x, along_y);

  float mean = 0.5 * (xx + yy);
  float difference = length(vec2(0.5 * (xx - yy), xy));
  float major = mean + difference;
  float minor = max(mean - difference, EPS2D);
  vec2 axis = abs(xy) > 1e-6 * mean ? normalize(vec2(xy, major - xx)) :
              xx >= yy              ? vec2(1.0, 0.0) :
                                      vec2(0.0, 1.0);
  sigmas = corner.xy * min(CUTOFF_SIGMAS, sqrt(2.0 * log(alpha / MIN_ALPHA)));
  vec2 offset = sigmas.x * sqrt(major) * axis + sigmas.y * sqrt(minor) * vec2(-axis.y, axis.x);
  vec2 ndc = clip.xy / clip.w + offset * 2.0 / size;
  gl_Position = vec4(ndc, 0.0, 1.0);

  place = 0.5 * ndc + 0.5;
  int shade = splat + int(options.z);
  vec4 shown = vec4(texelFetch(colors, texel(shade, width), 0).rgb, 1.0);
  for (int i = 0; i < 3; i++) {
    color[i] = max(dot(texelFetch(instances, texel(instance + 4 + i, width), 0), shown), 0.0);
  }
  color.a = alpha;
  depth = 0.5 + 0.5 * clip.z / clip.w;
}
