/** A shape that a node is given as an input, made anew where dims in it shrink. */
import { DataType } from '../../../../onnx/model.ts';
import { makeNode } from '../../../graph/nodes.ts';
import { isTracked, type Axis } from '../axis.ts';
import type { Rewriter, RuleContext } from '../rule.ts';

/**
 * Input `input` spells out the dims `axes` of output 0. Sizes that are known are written out; what only running tells
 * stays as it is: as -1 where it is one dim, else taken from the shape that was computed.
 */
export function rewriteShape(c: RuleContext, input: number, axes: readonly Axis[]): void {
  const atoms = [...axes.flatMap((a) => a.atoms ?? []), ...c.sizesIn(input)];
  const dims = c.outDims(0);
  const given = c.content(input);
  c.rewrite(atoms, (node, w) => {
    const sizes = axes.map((axis, k) =>
      isTracked(axis) ? w.count(axis.atoms) : typeof dims[k] === 'number' ? dims[k] : undefined,
    );
    const withInput = (name: string) => ({
      ...node,
      inputs: node.inputs.map((n, i) => (i === input ? name : n)),
      range: undefined,
    });
    const known = sizes.map((size, k) => size ?? (typeof given?.[k] === 'number' ? given[k] : undefined));
    const open = known.filter((v) => v === undefined).length;
    if (open === 0) return [withInput(w.ints(known.map(Number), 'shape'))];
    if (open === 1 && node.opType === 'Reshape' && !known.includes(-1))
      return [
        withInput(
          w.ints(
            known.map((v) => v ?? -1),
            'shape',
          ),
        ),
      ];
    return chosen(node.inputs[input] ?? '', sizes, w, withInput);
  });
}

/** Where(is known, known, as computed). */
function chosen(
  computed: string,
  sizes: readonly (number | undefined)[],
  w: Rewriter,
  withInput: (name: string) => ReturnType<Parameters<RuleContext['rewrite']>[1]>[number],
) {
  const isKnown = Uint8Array.from(sizes, (s) => (s === undefined ? 0 : 1));
  const mask = w.constant(
    {
      dataType: DataType.bool,
      dims: [sizes.length],
      location: { kind: 'inline', bytes: isKnown },
      smallData: isKnown,
    },
    'shape_known',
  );
  const known = w.ints(
    sizes.map((s) => s ?? 0),
    'shape',
  );
  const out = w.value('shape_pruned');
  return [makeNode('Where', [mask, known, computed], [out], out), withInput(out)];
}
