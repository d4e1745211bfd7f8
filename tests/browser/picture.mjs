// Pictures of pages in small files: a page has few colours, and with a palette a picture takes a third of the
// bytes. The format is that of https://www.w3.org/TR/png-3/.

import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
const MOST_COLOURS = 256;
/** Bytes of a colour. */
const RGB = 3;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

function checksum(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = CRC_TABLE[(rest ^ byte) & 0xff] ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(checksum(body), 4);
  return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
}

/** The colours of a picture without palette and transparency, as Chromium makes it, line after line. */
function read(png) {
  let at = SIGNATURE.length;
  let header;
  const parts = [];
  while (at < png.length) {
    const [length, type] = [png.readUInt32BE(at), png.toString("latin1", at + 4, at + 8)];
    const data = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") header = data;
    if (type === "IDAT") parts.push(data);
    at += 12 + length;
  }
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  if (header[8] !== 8 || header[9] !== 2) throw new Error("a picture of another kind than expected");
  const filtered = inflateSync(Buffer.concat(parts));
  const stride = width * RGB;
  const pixels = Buffer.alloc(stride * height);
  for (let line = 0; line < height; line += 1) {
    const filter = filtered[line * (stride + 1)];
    for (let column = 0; column < stride; column += 1) {
      const here = line * stride + column;
      const left = column < RGB ? 0 : pixels[here - RGB];
      const above = line === 0 ? 0 : pixels[here - stride];
      const corner = column < RGB || line === 0 ? 0 : pixels[here - stride - RGB];
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      pixels[here] = filtered[line * (stride + 1) + 1 + column] + guess;
    }
  }
  return { width, height, pixels };
}

function paeth(left, above, corner) {
  const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)];
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Takes colours together that differ by less than `step`; the most frequent one of them stands for all. */
function palette(pixels, step) {
  const groups = new Map();
  for (let at = 0; at < pixels.length; at += RGB) {
    const colour = pixels.readUIntBE(at, RGB);
    const key = [0, 1, 2].reduce((key, part) => key * 256 + Math.floor(pixels[at + part] / step), 0);
    if (!groups.has(key)) groups.set(key, new Map());
    const group = groups.get(key);
    group.set(colour, (group.get(colour) ?? 0) + 1);
  }
  const colours = [];
  const indices = new Map();
  for (const group of groups.values()) {
    const [frequent] = [...group].reduce((most, next) => (next[1] > most[1] ? next : most));
    for (const colour of group.keys()) indices.set(colour, colours.length);
    colours.push(frequent);
  }
  return { colours, indices };
}

/** The same picture with at most 256 colours. */
export function lighten(png) {
  const { width, height, pixels } = read(png);
  let step = 8;
  let { colours, indices } = palette(pixels, step);
  while (colours.length > MOST_COLOURS) {
    step *= 2;
    ({ colours, indices } = palette(pixels, step));
  }
  const lines = Buffer.alloc((width + 1) * height);
  for (let line = 0; line < height; line += 1) {
    for (let column = 0; column < width; column += 1) {
      const colour = pixels.readUIntBE((line * width + column) * RGB, RGB);
      lines[line * (width + 1) + 1 + column] = indices.get(colour);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  const table = Buffer.alloc(colours.length * RGB);
  colours.forEach((colour, index) => table.writeUIntBE(colour, index * RGB, RGB));
  const data = deflateSync(lines, { level: 9 });
  const chunks = [chunk("IHDR", header), chunk("PLTE", table), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...chunks]);
}
