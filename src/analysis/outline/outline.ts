/**
 * A model as read-only text, one line per node, made to be read and to be compared: the same model gives the same
 * text, columns do not depend on other lines, and a changed layer changes its own lines and the totals at the top.
 *
 *     # fmnist_cnn.onnx · opset 17 · IR 8 · pytorch 2.4.1
 *     # batch = 8 · cpu · optimization all
 *
 *     input   input                24.5 KiB   float32 [batch, 1, 28, 28]
 *
 *     /f/f.0/f.0.0/Conv   1.25 KiB  784 KiB   float32 [batch, 32, 28, 28]   Conv(input, f.0.0.weight, f.0.0.bias) 3×3 pad=1
 *       /f/f.0/f.0.2/Relu           784 KiB   float32 [batch, 32, 28, 28]   Relu(↑)
 *
 * A node of the same layer as the line above is indented; `↑` is the output of the line above.
 */
import { evaluateDim } from '../dim.ts';
import type { Analysis, MemoryEstimate } from '../types.ts';
import { internals } from '../memory/analyze.ts';
import { targetOf } from '../memory/estimate.ts';
import type { Block, ExecutedNode } from '../memory/program.ts';
import { bindSymbols } from '../memory/sizes.ts';
import type { Value } from '../memory/values.ts';
import { headerLines, inEnglish, type Say } from './header.ts';
import { atColumns, callText, memoryText, quoted, typeText, valueText } from './text.ts';
import type { SizeOf } from './text.ts';

export type OutlineLineKind = 'header' | 'input' | 'output' | 'node' | 'subgraph' | 'blank';

export interface OutlineLine {
  /** Counted from 0. */
  readonly line: number;
  readonly kind: OutlineLineKind;
  readonly nodeId?: string;
  /** The layer that the node belongs to; equals `nodeId` at the layer's main node. */
  readonly layerId?: string;
  /** Where the name stands in the line, [start, end) in UTF-16 units: what a symbol selects. */
  readonly name?: readonly [start: number, end: number];
}

/** Lines that fold into their first one. */
export interface OutlineRegion {
  readonly kind: 'header' | 'layer' | 'subgraph';
  readonly name: string;
  /** First and last line, both counted from 0 and part of it. */
  readonly start: number;
  readonly end: number;
  readonly layerId?: string;
}

export interface Outline {
  readonly text: string;
  /** One entry per line of the text. */
  readonly lines: readonly OutlineLine[];
  readonly regions: readonly OutlineRegion[];
}

export interface OutlineOptions {
  /** Shown on the first line; the name of the model's file otherwise. */
  readonly title?: string;
  /** For the words at the head; English otherwise. */
  readonly say?: Say;
}

export function outline(analysis: Analysis, estimate: MemoryEstimate, options: OutlineOptions = {}): Outline {
  return new Writer(analysis, estimate).write(options);
}

class Writer {
  private readonly text: string[] = [];
  private readonly lines: OutlineLine[] = [];
  private readonly regions: OutlineRegion[] = [];
  private readonly analysis: Analysis;
  private readonly estimate: MemoryEstimate;
  private readonly layerOf = new Map<string, string>();
  private readonly sizeOf: (v: Value) => number | undefined;
  private readonly dimSize: SizeOf;

  constructor(analysis: Analysis, estimate: MemoryEstimate) {
    this.analysis = analysis;
    this.estimate = estimate;
    for (const l of estimate.layers) for (const id of l.nodes) this.layerOf.set(id, l.id);
    const { compiled } = internals(analysis);
    const { dims } = bindSymbols(compiled.inference, estimate.dims);
    const sizes = compiled.level(estimate.optimization, targetOf(estimate.ep)).sizesAt(dims);
    this.sizeOf = (v) => {
      const bytes = sizes.bytes(v);
      return Number.isNaN(bytes) ? undefined : bytes;
    };
    this.dimSize = (d) => evaluateDim(d, dims) ?? NaN;
  }

  write(options: OutlineOptions): Outline {
    const { main } = internals(this.analysis).compiled.program;
    const { say = inEnglish, title } = options;
    for (const line of headerLines(this.analysis, this.estimate, say, title)) this.push(line, 'header');
    this.region('header', 'header', 0);
    this.push('', 'blank');
    for (const v of main.inputs) this.endpoint('input', v);
    for (const v of main.outputs) if (v) this.endpoint('output', v);
    this.push('', 'blank');
    this.block(main, '', '');
    return { text: `${this.text.join('\n')}\n`, lines: this.lines, regions: this.regions };
  }

  private push(text: string, kind: OutlineLineKind, more: Partial<OutlineLine> = {}): void {
    this.lines.push({ line: this.text.length, kind, ...more });
    this.text.push(text.trimEnd());
  }

  private region(kind: OutlineRegion['kind'], name: string, start: number, layerId?: string): void {
    const end = this.text.length - 1;
    if (end > start)
      this.regions.push({ kind, name, start, end, ...(layerId === undefined ? {} : { layerId }) });
  }

  private endpoint(kind: 'input' | 'output', v: Value): void {
    const label = `${kind.padEnd(8)}${quoted(v.name)}`;
    const memory = memoryText(undefined, this.sizeOf(v));
    this.push(atColumns(label, memory, typeText([v], this.dimSize)), kind, { name: [8, label.length] });
  }

  /** `prefix`: of the ids of its nodes, which the lines above say already. */
  private block(block: Block, indent: string, prefix: string): void {
    let above: ExecutedNode | undefined;
    let layerStart = this.text.length;
    let layer: string | undefined;
    for (const n of block.nodes) {
      const own = this.layerOf.get(n.id);
      const continues = above !== undefined && own !== undefined && own === layer;
      if (!continues) {
        this.closeLayer(layer, layerStart);
        layerStart = this.text.length;
        layer = own;
      }
      this.node(n, above, continues ? `${indent}  ` : indent, prefix);
      above = n.bodies.length === 0 ? n : undefined;
    }
    this.closeLayer(layer, layerStart);
  }

  private closeLayer(layer: string | undefined, start: number): void {
    if (layer !== undefined) this.region('layer', layer, start, layer);
  }

  private node(n: ExecutedNode, above: ExecutedNode | undefined, indent: string, prefix: string): void {
    const memory = this.estimate.nodes[n.index];
    const label = indent + quoted(n.id.slice(prefix.length));
    const layerId = this.layerOf.get(n.id);
    this.push(
      atColumns(
        label,
        memoryText(memory?.parameterBytes ?? 0, memory?.activationBytes),
        typeText(n.outputs, this.dimSize),
        callText(n, above, prefix),
      ),
      'node',
      { nodeId: n.id, name: [indent.length, label.length], ...(layerId === undefined ? {} : { layerId }) },
    );
    for (const body of n.bodies) this.body(n, body.attribute, body.block, `${indent}  `);
  }

  private body(n: ExecutedNode, attribute: string, block: Block, indent: string): void {
    const start = this.text.length;
    const inputs = block.inputs.length === 0 ? '' : `(${block.inputs.map((v) => quoted(v.name)).join(', ')})`;
    const outputs = block.outputs
      .map((v) => (v === undefined ? '?' : valueText(v, `${n.id}/${attribute}/`)))
      .join(', ');
    const label = `${indent}${attribute}`;
    this.push(`${label}${inputs} → ${outputs}`, 'subgraph', {
      nodeId: n.id,
      name: [indent.length, label.length],
    });
    this.block(block, `${indent}  `, `${n.id}/${attribute}/`);
    this.region('subgraph', attribute, start);
  }
}
