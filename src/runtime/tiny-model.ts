/**
 * Models of a few nodes, written as protobuf fields by hand, since they must not depend on anything that may be broken.
 * Field numbers are those of onnx.proto; tensors are float32 where nothing else is said.
 *
 *     tinyModel((g) => {
 *       node(g, 'Relu', ['x'], 'y');
 *       value(g, 'input', 'x', ['rows', 4]);
 *       value(g, 'output', 'y', ['rows', 4]);
 *     });
 */
import protobuf from 'protobufjs/minimal.js';

type Write = (w: protobuf.Writer) => unknown;
/** TensorProto.DataType */
const elementType = { float32: 1, uint8: 2, int8: 3, int32: 6 } as const;
export type TinyType = keyof typeof elementType;

const valueField = { input: 11, output: 12 } as const;
/** AttributeProto.AttributeType.INTS */
const intsType = 7;

function message(w: protobuf.Writer, field: number, write: Write): protobuf.Writer {
  w.uint32((field << 3) | 2).fork();
  write(w);
  return w.ldelim();
}

/** `attributes`: integer lists only. */
export function node(
  w: protobuf.Writer,
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, readonly number[]>> = {},
): void {
  message(w, 1, (n) => {
    for (const input of inputs) n.uint32(0x0a).string(input);
    n.uint32(0x12).string(output).uint32(0x1a).string(`${opType}.${output}`).uint32(0x22).string(opType);
    for (const [name, ints] of Object.entries(attributes)) {
      message(n, 5, (a) => {
        a.uint32(0x0a).string(name);
        for (const i of ints) a.uint32(0x40).int64(i);
        a.uint32(0xa0).int32(intsType);
      });
    }
  });
}

export function initializer(
  w: protobuf.Writer,
  name: string,
  dims: readonly number[],
  values: readonly number[] | Int8Array,
): void {
  const [type, raw] =
    values instanceof Int8Array
      ? (['int8', values] as const)
      : (['float32', Float32Array.from(values)] as const);
  message(w, 5, (t) => {
    for (const d of dims) t.uint32(0x08).int64(d);
    t.uint32(0x10).int32(elementType[type]).uint32(0x42).string(name);
    t.uint32(0x4a).bytes(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
  });
}

/** A dim is a size or a symbol. */
export function value(
  w: protobuf.Writer,
  role: keyof typeof valueField,
  name: string,
  dims: readonly (number | string)[],
  type: TinyType = 'float32',
): void {
  message(w, valueField[role], (v) => {
    v.uint32(0x0a).string(name);
    message(v, 2, (typeProto) =>
      message(typeProto, 1, (tensor) => {
        tensor.uint32(0x08).int32(elementType[type]);
        message(tensor, 2, (shape) => {
          for (const d of dims) {
            message(shape, 1, (dim) =>
              typeof d === 'number' ? dim.uint32(0x08).int64(d) : dim.uint32(0x12).string(d),
            );
          }
        });
      }),
    );
  });
}

/** IR 8, opset 13. */
export function tinyModel(writeGraph: Write): Uint8Array {
  const w = protobuf.Writer.create();
  w.uint32(0x08).int64(8); // ir_version
  message(w, 7, (g) => {
    writeGraph(g);
    g.uint32(0x12).string('tiny');
  });
  message(w, 8, (opset) => opset.uint32(0x0a).string('').uint32(0x10).int64(13));
  return w.finish();
}
