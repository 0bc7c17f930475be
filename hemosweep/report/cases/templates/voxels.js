// Voxels of a page: runs to masks, masks to contours. The other side is encoding.py.

const bytesOf = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Lengths of runs from varints: seven bits a byte, the lowest first. */
function lengthsOf(bytes) {
  const lengths = [];
  let value = 0, shift = 0;
  for (const byte of bytes) {
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) {
      lengths.push(value);
      value = shift = 0;
    }
  }
  return lengths;
}

/** A mask by slice: its voxels (1 inside), and nothing for a slice without any. */
async function maskOf(text, height, width, numSlices) {
  const slices = new Array(numSlices);
  if (!text) return slices;
  const size = height * width;
  let place = 0, inside = false;
  for (const length of lengthsOf(await inflated(bytesOf(text)))) {
    for (let left = inside ? length : 0, from = place; left > 0;) {
      const slice = Math.floor(from / size), start = from - slice * size, num = Math.min(left, size - start);
      slices[slice] ??= new Uint8Array(size);
      slices[slice].fill(1, start, start + num);
      left -= num;
      from += num;
    }
    place += length;
    inside = !inside;
  }
  return slices;
}

const countOf = slice => slice ? slice.reduce((sum, value) => sum + value, 0) : 0;

// Marching squares over the centres of the voxels, with the crossing halfway. A corner's bit: upper left 1, upper right
// 2, lower right 4, lower left 8. Each line has the inside at its right; a saddle is cut, so that voxels which touch at
// a corner stay apart. The ends of a line lie on the sides of a square: top 0, right 1, bottom 2, left 3.
const LINES = [[], [[0, 3]], [[1, 0]], [[1, 3]], [[2, 1]], [[0, 3], [2, 1]], [[2, 0]], [[2, 3]], [[3, 2]], [[0, 2]],
  [[1, 0], [3, 2]], [[1, 2]], [[3, 1]], [[0, 1]], [[3, 0]], []];
const SIDES = [[1, 0], [2, 1], [1, 2], [0, 1]];

/** Contour of a slice as closed lines, in voxels from the upper left corner. */
function contourOf(mask, height, width) {
  const path = new Path2D();
  if (!mask) return path;
  const stride = 2 * width + 4, next = new Map();
  const at = (row, column) => row >= 0 && column >= 0 && row < height && column < width ? mask[row * width + column] : 0;
  for (let row = -1; row < height; row++) {
    for (let column = -1; column < width; column++) {
      const kind = at(row, column) | at(row, column + 1) << 1 | at(row + 1, column + 1) << 2 | at(row + 1, column) << 3;
      for (const line of LINES[kind]) {
        const [from, to] = line.map(side => (2 * row + SIDES[side][1] + 2) * stride + 2 * column + SIDES[side][0] + 2);
        next.set(from, to);
      }
    }
  }
  const x = point => (point % stride - 2) / 2 + 0.5, y = point => (Math.floor(point / stride) - 2) / 2 + 0.5;
  while (next.size) {
    const [start] = next.keys();
    path.moveTo(x(start), y(start));
    for (let point = start; next.has(point);) {
      const following = next.get(point);
      next.delete(point);
      point = following;
      if (point !== start) path.lineTo(x(point), y(point));
    }
    path.closePath();
  }
  return path;
}

/** Picture of the voxels where only A is right, and where only B is, with the numbers of both. */
function rightOf(reference, a, b, height, width, colours) {
  if (!a && !b) return { a: 0, b: 0, image: null };
  const pixels = new Uint32Array(height * width), counts = { a: 0, b: 0 };
  for (let place = 0; place < pixels.length; place++) {
    const inA = a ? a[place] : 0, inB = b ? b[place] : 0;
    if (inA === inB) continue;
    const right = inA === (reference ? reference[place] : 0) ? "a" : "b";
    counts[right]++;
    pixels[place] = colours[right];
  }
  if (!counts.a && !counts.b) return { ...counts, image: null };
  const image = document.createElement("canvas");
  image.width = width;
  image.height = height;
  image.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  return { ...counts, image };
}
