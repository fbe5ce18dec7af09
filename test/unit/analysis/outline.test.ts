import assert from 'node:assert/strict';
import { analyze, describeNode, outline } from '../../../src/analysis/index.ts';
import { floats, graph, model, node, value } from '../../support/model-builder.ts';
import type { Model } from '../../../src/onnx/index.ts';
import { article, branching, convolutional, quantized, withUnknown } from './models.ts';

const textOf = (m: Model, dims: Readonly<Record<string, number>> = {}) => {
  const analysis = analyze(m);
  return outline(analysis, analysis.estimate({ dims, threads: 2 }), { title: 'model.onnx' });
};
const nodeLines = (m: Model) => {
  const { text, lines } = textOf(m);
  const all = text.split('\n');
  return lines.filter((l) => l.kind === 'node').map((l) => all[l.line] ?? '');
};
const withoutFigures = (line: string) => line.replaceAll(/\s{2,}[\d.]+ (B|KiB|MiB)/g, '').trim();

describe('the model as text', () => {
  it('is the same for the same model', () => {
    for (const make of [article, branching, convolutional, quantized, withUnknown])
      assert.deepEqual(textOf(make()), textOf(make()));
  });

  it('has one line per node, and knows which line is which', () => {
    const { text, lines } = textOf(branching());
    const all = text.split('\n').slice(0, -1);
    assert.equal(lines.length, all.length);
    for (const [i, l] of lines.entries()) {
      assert.equal(l.line, i);
      if (l.name && l.kind === 'node') {
        const written = all[i]?.slice(...l.name) ?? '';
        assert.ok(l.nodeId?.endsWith(written), `${written} is the end of ${l.nodeId}`);
      }
    }
    assert.deepEqual(
      lines.flatMap((l) => (l.kind === 'node' ? [l.nodeId] : [])),
      analyze(branching()).nodes.map((n) => n.id),
    );
  });

  it('changes the lines of a changed layer only, and the totals', () => {
    const before = article();
    const changed: Model = {
      ...before,
      graph: {
        ...before.graph,
        nodes: before.graph.nodes.map((n) => (n.opType === 'Relu' ? { ...n, opType: 'LeakyRelu' } : n)),
      },
    };
    const [a, b] = [textOf(before), textOf(changed)].map((o) =>
      o.text.split('\n').filter((l) => !l.startsWith('#')),
    );
    const different = (a ?? []).filter((line, i) => line !== b?.[i]);
    assert.deepEqual(
      different.map((l) => l.trim().split(/\s+/)[0]),
      ['/relu/Relu'],
    );
  });

  it('shows memory at the dims, in columns of its own', () => {
    const [one, eight] = [1, 8].map((batch) => textOf(article(), { batch }).text);
    assert.match(one ?? '', /\/fc1\/Gemm\s+391 KiB\s+400 B/);
    assert.match(eight ?? '', /\/fc1\/Gemm\s+391 KiB\s+3\.13 KiB/);
  });

  it('indents what belongs to the layer above, and refers to the line above by an arrow', () => {
    const [gemm = '', relu = ''] = nodeLines(article());
    assert.ok(gemm.startsWith('/fc1/Gemm'));
    assert.ok(relu.startsWith('  /relu/Relu'));
    assert.match(relu, /Relu\(↑\)/);
  });

  it('writes small constants as what they hold, attributes as a person does, and leaves out what is so anyway', () => {
    const lines = nodeLines(convolutional());
    assert.match(lines[0] ?? '', /Conv\(x, w\) 3×3 pad=1 → c/);
    assert.match(lines[4] ?? '', /MaxPool\(↑\) 2×2 stride=2/);
    assert.match(lines[6] ?? '', /Gather\(↑, 0\)/);
    assert.match(lines[8] ?? '', /Concat\(↑, \[-1\]\) axis=0/);
  });

  it('quotes names whose end a reader could mistake', () => {
    const m = model(
      graph({
        inputs: [value('the input', [2])],
        nodes: [node('Neg', ['the input'], ['y'], { name: 'a (b), c' })],
        outputs: [value('y', [2])],
      }),
    );
    assert.match(nodeLines(m)[0] ?? '', /^"a \(b\), c"/);
    assert.match(nodeLines(m)[0] ?? '', /Neg\("the input"\)/);
  });

  it('marks what is not known', () => {
    const { text } = textOf(withUnknown());
    assert.match(text, /peak ≥ /);
    assert.match(text, /2 nodes of unknown size/);
    assert.match(text, /mystery\s+\?/);
  });

  it('indents subgraphs under their node, and folds them', () => {
    const { text, regions } = textOf(branching());
    const all = text.split('\n');
    assert.ok(all.some((l) => l.startsWith('  then_branch → t.y')));
    assert.ok(all.some((l) => /^ {4}MatMul_0/.test(l)));
    const folds = regions.filter((r) => r.kind === 'subgraph');
    assert.deepEqual(
      folds.map((r) => r.name),
      ['then_branch', 'else_branch'],
    );
    for (const fold of folds) assert.equal(fold.end - fold.start, 2);
  });

  it('keeps to its columns whatever other lines hold', () => {
    const long = 'a/very/long/path/of/modules/that/goes/on/and/on/until/it/passes/the/column/Neg';
    const build = (name: string) =>
      model(
        graph({
          inputs: [value('x', [2])],
          nodes: [node('Neg', ['x'], ['a'], { name }), node('Abs', ['a'], ['y'], { name: 'abs' })],
          outputs: [value('y', [2])],
          initializers: [floats('unused', [1])],
        }),
      );
    assert.equal(nodeLines(build(long))[1], nodeLines(build('neg'))[1]);
    assert.ok(withoutFigures(nodeLines(build(long))[0] ?? '').startsWith(long));
  });

  it('says its head in the language that is asked for, in the same columns, and nothing else', () => {
    const analysis = analyze(withUnknown());
    const estimate = analysis.estimate({ threads: 2 });
    const chinese = outline(analysis, estimate, {
      say: (_, ...values) => `词${values.map((v) => `「${v}」`).join('')}`,
    });
    const english = outline(analysis, estimate);
    const [own, others] = [chinese, english].map(({ text, lines }) => {
      const all = text.split('\n');
      const head = lines.filter((l) => l.kind === 'header').length;
      return [all.slice(0, head), all.slice(head)] as const;
    });
    assert.deepEqual(own?.[1], others?.[1]);
    assert.equal(own?.[0].length, others?.[0].length);
    const inHead = own?.[0].join('\n') ?? '';
    assert.ok(!/weights|peak|parameters|nodes|operator/.test(inHead), inHead);
    // a character of two columns each
    assert.equal(own?.[0].at(-1), `# 词${' '.repeat(36 + 8)}词${' '.repeat(10)}词  词${' '.repeat(30)}词`);
  });
});

describe('the facts of a node', () => {
  const facts = (m: Model, id: string) => {
    const analysis = analyze(m);
    const estimate = analysis.estimate({ dims: { batch: 8 }, threads: 2, optimization: 'disabled' });
    return Object.fromEntries(describeNode(analysis, estimate, id).map((f) => [f.label, f.value]));
  };

  it('are those of its layer where it is the main one', () => {
    const found = facts(article(), '/fc1/Gemm');
    assert.equal(found['operator'], 'Gemm (opset 17)');
    assert.equal(found['outputShape'], '8 × 100');
    assert.equal(found['parameterBytes'], '391 KiB');
    assert.equal(found['parameterCount'], '100 K');
    assert.equal(found['activationFormula'], 'batch·800 bytes');
    assert.equal(found['macs'], '800 K');
    assert.equal(found['nodes'], '/fc1/Gemm, /relu/Relu');
    assert.equal(found['weightForm'], 'float32');
  });

  it('are its own where it is not', () => {
    const found = facts(article(), '/relu/Relu');
    assert.equal(found['activationFormula'], 'batch·400 bytes');
    assert.equal(found['parameterBytes'], undefined);
    assert.match(found['shareOfPeak'] ?? '', /%$/);
  });

  it('name the form of a quantized weight and what becomes of it', () => {
    const found = facts(quantized(), 'fc_quant');
    assert.equal(found['weightForm'], 'dynamic-int8');
    assert.match(found['weightNote'] ?? '', /int8/);
  });

  it('say why a size is not known', () => {
    assert.match(facts(withUnknown(), 'mystery')['unknown'] ?? '', /Mystery/);
  });

  it('are none where there is no such node', () => {
    assert.deepEqual(facts(article(), 'nothing'), {});
  });
});
