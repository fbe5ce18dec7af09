import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { parseTextUri, textUri } from '../../extension/text/text-uri.ts';
import { closeAll, copyOfFile, copyOfSample, eventually, sampleWith, viewOf } from './host.ts';
import { openText } from './text-host.ts';

function lineWith(document: vscode.TextDocument, part: string): number {
  const line = document
    .getText()
    .split('\n')
    .findIndex((l) => l.includes(part));
  assert.ok(line >= 0, `a line holds ${part}:\n${document.getText()}`);
  return line;
}

function lensesOf(document: vscode.TextDocument): Thenable<vscode.CodeLens[]> {
  return vscode.commands.executeCommand('vscode.executeCodeLensProvider', document.uri, 100);
}

async function hoverText(document: vscode.TextDocument, position: vscode.Position): Promise<string> {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
    'vscode.executeHoverProvider',
    document.uri,
    position,
  );
  return hovers
    .flatMap((h) => h.contents)
    .map((c) => (c instanceof vscode.MarkdownString ? c.value : ''))
    .join('\n');
}

/** Names and figures are escaped as text in Markdown. */
const plain = (markdown: string): string => markdown.replaceAll('&nbsp;', ' ').replaceAll('\\', '');

describe('The text view', () => {
  afterEach(closeAll);

  it('says what the model is and costs, one line per node', async () => {
    const { document } = await openText(await copyOfSample('text.onnx'));
    assert.equal(document.languageId, 'onnx-text');
    assert.match(document.lineAt(0).text, /^# text\.onnx · opset 17/);
    const conv = document.lineAt(lineWith(document, '/f/f.3/f.3.0/Conv')).text;
    assert.match(conv, /72\.3 KiB +49\.0 KiB +float32 \[batch, 64, 14, 14\] +Conv\(↑.*3×3 pad=1$/);
  });

  it('reveals the line of a node', async () => {
    const { document, selection } = await openText(await copyOfSample('text-node.onnx'), '/fc1/Gemm');
    assert.equal(selection.active.line, lineWith(document, '/fc1/Gemm'));
  });

  it('shows lenses over each layer with weights', async () => {
    const { document } = await openText(await copyOfSample('text-lenses.onnx'));
    const lenses = await lensesOf(document);
    const line = lineWith(document, '/fc1/Gemm');
    const titles = lenses.filter((l) => l.range.start.line === line).map((l) => l.command?.title);
    assert.deepEqual(titles, [
      '64.5 KiB weights · 1.00 KiB activations @ batch 1',
      'Quantize int8: −73 %',
      'Prune…',
    ]);
    assert.ok(lenses.every((l) => l.range.start.line !== lineWith(document, '/f/f.2/MaxPool')));
  });

  it('tells at a glance what a layer costs, is made of, and what can be done, in a hover', async () => {
    const uri = await copyOfSample('text-hover.onnx');
    const { document } = await openText(uri);
    const at = new vscode.Position(lineWith(document, '/fc1/Gemm'), 3);
    const [head, made, links, ...rest] = plain(await hoverText(document, at)).split('\n\n');
    assert.deepEqual(head?.split('  \n'), [
      '**/fc1/Gemm** — Gemm (opset 17) → 1 × 128 float32',
      '**64.5 KiB weights · 1.00 KiB activations @ batch 1 · 0 % of the peak**',
    ]);
    // 16,512 weights; 128 × 128 products, one row
    assert.deepEqual(
      made?.split('  \n').map((l) => l.replace(/ · [^·]+ alive/, ' · … alive')),
      [
        'batch·1024 bytes · 16.5 K parameters · 16.4 K multiply-accumulates · … alive while it runs',
        'fc1.weight, fc1.bias · float32 · cpu: stays as stored',
      ],
    );
    const args = encodeURIComponent(JSON.stringify([uri.toString(), '/fc1/Gemm']));
    assert.deepEqual(
      [...(links ?? '').matchAll(/\[([^\]]+)\]\((\S+)/g)].map(([, title, to]) => [
        title,
        to?.replace(/\)$/, ''),
      ]),
      [
        ['Show in Editor', `command:vramLens.layer.reveal?${args}`],
        ['Quantize int8: −73 %', `command:vramLens.layer.quantize?${args}`],
        ['Prune…', `command:vramLens.layer.prune?${args}`],
      ],
    );
    assert.deepEqual(rest, []);
  });

  it('has an outline, folds and definitions', async () => {
    const { document } = await openText(await copyOfSample('text-language.onnx'));
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    );
    const conv = symbols.find((s) => s.name === '/f/f.3/f.3.0/Conv');
    assert.deepEqual(
      conv?.children.map((c) => c.name),
      ['/f/f.3/f.3.2/Relu'],
    );
    const folds = await vscode.commands.executeCommand<vscode.FoldingRange[]>(
      'vscode.executeFoldingRangeProvider',
      document.uri,
    );
    const line = lineWith(document, '/f/f.3/f.3.0/Conv');
    assert.ok(folds.some((f) => f.start === line && f.end === line + 1));
    // the arrow of the Relu means the Conv above it
    const arrow = document.lineAt(line + 1).text.indexOf('↑');
    const definitions = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeDefinitionProvider',
      document.uri,
      new vscode.Position(line + 1, arrow),
    );
    assert.deepEqual(
      definitions.map((d) => d.range.start.line),
      [line],
    );
    const references = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeReferenceProvider',
      document.uri,
      new vscode.Position(lineWith(document, 'input   input'), 9),
    );
    assert.deepEqual(
      references.map((r) => r.range.start.line).sort((a, b) => a - b),
      [lineWith(document, 'input   input'), lineWith(document, '/f/f.0/f.0.0/Conv')],
    );
  });

  it('has the bytes of each weight beside its name, and a link to the peak', async () => {
    const { document } = await openText(await copyOfSample('text-definition.onnx'));
    const line = lineWith(document, '/fc2/Gemm');
    const hints = await vscode.commands.executeCommand<vscode.InlayHint[]>(
      'vscode.executeInlayHintProvider',
      document.uri,
      new vscode.Range(line, 0, line, 200),
    );
    const { text } = document.lineAt(line);
    const told = hints.map(({ label, position }) => ({ label, before: text.slice(0, position.character) }));
    // fc2.weight is [10, 128], fc2.bias [10], float32
    assert.deepEqual(
      told.map(({ label }) => label),
      ['5.00 KiB', '40 B'],
    );
    assert.match(told[0]?.before ?? '', /fc2\.weight$/);
    const [link] = await vscode.commands.executeCommand<vscode.DocumentLink[]>(
      'vscode.executeLinkProvider',
      document.uri,
    );
    assert.ok(link);
    assert.equal(document.getText(link.range), '/f/f.1/f.1.0/Conv');
    assert.equal(link.target?.fragment, `L${lineWith(document, '36.1 KiB') + 1}`);
  });

  it('offers what can be done at a layer, and the fix of what an EP expands', async () => {
    const uri = await copyOfSample('fix.onnx');
    const settings = vscode.workspace.getConfiguration('vramLens');
    await settings.update('executionProvider', 'webgpu', vscode.ConfigurationTarget.Global);
    try {
      const { document } = await openText(uri);
      const actions = (): Thenable<vscode.CodeAction[]> => {
        const line = lineWith(document, '/fc1/Gemm');
        const range = new vscode.Range(line, 0, line, 10);
        return vscode.commands.executeCommand('vscode.executeCodeActionProvider', document.uri, range);
      };
      const run = async (title: string): Promise<void> => {
        const found = await eventually(title, async () => (await actions()).find((a) => a.title === title));
        const { command, arguments: args = [] } = found.command ?? assert.fail(`${title} has a command`);
        await vscode.commands.executeCommand(command, ...(args as unknown[]));
      };
      assert.deepEqual(
        (await actions()).map((a) => a.title),
        ['Quantize int8', 'Prune…'],
      );
      await run('Quantize int8');
      const problems = await eventually('a problem at the layer', () => {
        const found = vscode.languages
          .getDiagnostics(document.uri)
          .filter((d) => d.message.includes('webgpu'));
        return found.length > 0 ? found : undefined;
      });
      assert.match(problems[0]?.message ?? '', /^u?int8 weights leave webgpu for the CPU/);
      await run('Quantize to int8 in blocks instead');
      await eventually('blocks in its place', () =>
        document.getText().includes('MatMulNBits(') ? true : undefined,
      );
      const { estimate } = await viewOf(uri);
      assert.equal(estimate.edits.length, 1);
      await run('Revert');
      await eventually('the layer as it was', () =>
        document.getText().includes('MatMulNBits(') ? undefined : true,
      );
    } finally {
      await settings.update('executionProvider', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('mends every layer with the same problem at once', async () => {
    const uri = await copyOfSample('fix-all.onnx');
    const settings = vscode.workspace.getConfiguration('vramLens');
    await settings.update('executionProvider', 'webgpu', vscode.ConfigurationTarget.Global);
    try {
      const { document } = await openText(uri);
      const layers = ['/fc1/Gemm', '/fc2/Gemm'];
      await vscode.commands.executeCommand('vramLens.quantize', uri, undefined, {
        granularity: 'per-channel',
        layers,
      });
      const title = 'Quantize to int8 in blocks instead: all 2 layers';
      const found = await eventually(title, async () => {
        const actions = await Promise.all(
          vscode.languages
            .getDiagnostics(document.uri)
            .filter((d) => d.message.includes('webgpu'))
            .map((d) =>
              vscode.commands.executeCommand<vscode.CodeAction[]>(
                'vscode.executeCodeActionProvider',
                document.uri,
                d.range,
              ),
            ),
        );
        const fixes = actions.map((of) => of.find((a) => a.title === title)).filter((a) => a !== undefined);
        return fixes.length === layers.length ? fixes : undefined; // at each of them
      });
      const { command, arguments: args = [] } = found[0]?.command ?? assert.fail(`${title} has a command`);
      await vscode.commands.executeCommand(command, ...(args as unknown[]));
      await eventually('blocks in both', () =>
        document.getText().match(/MatMulNBits\(/g)?.length === layers.length ? true : undefined,
      );
      await eventually('no problem left', () =>
        vscode.languages.getDiagnostics(document.uri).some((d) => d.message.includes('webgpu'))
          ? undefined
          : true,
      );
      const { estimate } = await viewOf(uri);
      assert.equal(estimate.edits.length, 1);
    } finally {
      await settings.update('executionProvider', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('shows a model with nested subgraphs', async () => {
    const { document } = await openText(
      await copyOfFile('node_modules/@ricky0123/vad-web/dist/silero_vad_legacy.onnx'),
    );
    assert.match(document.getText(), /then_branch/);
    assert.ok((await lensesOf(document)).length > 0);
  });

  it('follows edits and their undo', async () => {
    const uri = await copyOfSample('follows.onnx');
    const { document } = await openText(uri);
    const before = document.getText();
    const line = lineWith(document, '/fc1/Gemm');
    const lens = (await lensesOf(document)).find(
      (l) => l.range.start.line === line && l.command?.title.startsWith('Quantize int8') === true,
    );
    assert.ok(lens?.command);
    await vscode.commands.executeCommand(
      lens.command.command,
      ...((lens.command.arguments ?? []) as unknown[]),
    );
    await eventually('the text shows MatMulInteger', () =>
      document.getText().includes('MatMulInteger(') ? true : undefined,
    );
    const changed = (await lensesOf(document)).map((l) => l.command?.title ?? '');
    assert.ok(
      changed.some((t) => t.startsWith('64.5 KiB → ')),
      changed.join('\n'),
    );
    assert.ok(changed.includes('Revert'));
    await vscode.commands.executeCommand('vscode.openWith', uri, 'vramLens.editor');
    await vscode.commands.executeCommand('undo');
    await eventually('the text is as before', () => (document.getText() === before ? true : undefined));
  });

  it('says what is not known: in the page, and as a problem at the node', async () => {
    const uri = await sampleWith('mystery.onnx', 'ReduceMean', 'Mystery');
    const { document } = await openText(uri);
    const problems = await eventually('problems', () => {
      const found = vscode.languages.getDiagnostics(document.uri);
      return found.length > 0 ? found : undefined;
    });
    assert.ok(problems.every((p) => p.source === 'VRAM Lens'));
    assert.match(problems.map((p) => p.message).join('\n'), /Mystery/);
    const { estimate } = await viewOf(uri);
    const layer = estimate.layers.find((l) => l.opType === 'Mystery');
    assert.ok(layer);
    assert.match(layer.unknown ?? '', /Mystery/);
  });

  it('warns before quantizing where the EP would not save', async () => {
    const uri = await copyOfSample('webgpu.onnx');
    const settings = vscode.workspace.getConfiguration('vramLens');
    await settings.update('executionProvider', 'webgpu', vscode.ConfigurationTarget.Global);
    try {
      const { document } = await openText(uri);
      const titles = (await lensesOf(document)).map((l) => l.command?.title);
      assert.ok(titles.includes('Quantize int8 (leaves webgpu for the CPU)'), titles.join('\n'));
    } finally {
      await settings.update('executionProvider', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('reads its own URIs only', () => {
    const source = vscode.Uri.file('/models/a b.onnx');
    const target = parseTextUri(textUri({ source, side: 'original' }));
    assert.deepEqual([target?.source.toString(), target?.side], [source.toString(), 'original']);
    assert.equal(parseTextUri(vscode.Uri.parse('vram-lens:/x.text?nonsense')), undefined);
    assert.equal(parseTextUri(source), undefined);
  });
});
