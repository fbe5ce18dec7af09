/** What a file is that is no ONNX model, told by its first bytes: a person has picked the wrong one. */
import { OnnxError } from '../errors.ts';
import type { ByteSource } from '../source.ts';

const SNIFF_BYTES = 512;

/** Signatures at the very beginning; none of them can begin a ModelProto that any exporter writes. */
const SIGNATURES: readonly (readonly [prefix: string, what: string])[] = [
  ['version https://git-lfs', 'this is a Git LFS pointer, not the model itself: run git lfs pull'],
  ['PK\x03\x04', 'this is a ZIP archive (or a PyTorch .pt file)'],
  ['PK\x05\x06', 'this is an empty ZIP archive'],
  ['\x89PNG', 'this is a PNG image'],
  ['\xff\xd8\xff', 'this is a JPEG image'],
  ['GIF8', 'this is a GIF image'],
  ['%PDF', 'this is a PDF document'],
  ['\x1f\x8b', 'this is a gzip archive'],
  ['\x89HDF', 'this is an HDF5 file (Keras?)'],
  ['GGUF', 'this is a GGUF model'],
  ['\x93NUMPY', 'this is a NumPy array'],
  ['\x80\x02', 'this is a Python pickle (an old PyTorch file?)'],
  ['\x7fELF', 'this is a program'],
  ['MZ', 'this is a Windows program'],
];

/** Signatures of FlatBuffers, behind their first offset. */
const FLATBUFFERS: Readonly<Record<string, string>> = {
  TFL3: 'this is a TensorFlow Lite model',
  ORTM: 'this is a model in ORT format; open the .onnx file it was made from',
};

/** @throws OnnxError kind 'not-onnx' where the first bytes say what the file is instead */
export async function refuseOtherFormats(source: ByteSource): Promise<void> {
  const head = await source.read(0, Math.min(SNIFF_BYTES, source.sizeBytes));
  const what = otherFormat(head);
  if (what === undefined) return;
  throw new OnnxError('not-onnx', `not an ONNX file: ${what}`, { file: source.name });
}

function otherFormat(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'the file is empty';
  const latin = Buffer.from(head.buffer, head.byteOffset, head.byteLength).toString('latin1');
  const known = SIGNATURES.find(([prefix]) => latin.startsWith(prefix));
  if (known !== undefined) return known[1];
  const flat = FLATBUFFERS[latin.slice(4, 8)];
  if (flat !== undefined) return flat;
  if (/^\s*<(!doctype|html|head|body)\b/i.test(latin)) {
    return 'this is a web page; the download gave an error or a login page instead of the file';
  }
  if (head.every((byte) => byte === 0)) return 'it begins with zeros, as after a download that failed';
  if (/^.{8}\{"/s.test(latin) && head.subarray(3, 8).every((byte) => byte === 0)) {
    return 'this is a safetensors file';
  }
  return isText(head) ? 'this is text' : undefined;
}

/** UTF-8 without control characters, which every ModelProto has in its first fields. */
function isText(head: Uint8Array): boolean {
  if (head.some((byte) => byte < 0x20 && !WHITE_SPACE.has(byte))) return false;
  return !new TextDecoder().decode(head, { stream: true }).includes('\ufffd');
}

const WHITE_SPACE = new Set(Buffer.from('\t\n\f\r'));
