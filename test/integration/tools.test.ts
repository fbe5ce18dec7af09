import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { estimateTool } from '../../extension/tools/estimate-tool.ts';
import { quantizeTool } from '../../extension/tools/quantize-tool.ts';
import { Documents } from '../../extension/document/documents.ts';
import type { Services } from '../../extension/services.ts';
import { openModel } from '../../src/onnx/index.ts';
import { copyOfSample, extension, inWorkspace, noRunner, sessions } from './host.ts';

const { token } = new vscode.CancellationTokenSource();

async function invoke<T>(tool: vscode.LanguageModelTool<T>, input: T): Promise<string> {
  const result = await tool.invoke({ input, toolInvocationToken: undefined }, token);
  return (result?.content ?? [])
    .map((p) => (p instanceof vscode.LanguageModelTextPart ? p.value : ''))
    .join('');
}

describe('The tools for chat', () => {
  const documents = new Documents(sessions, noRunner);
  const services = { documents } as Services;
  after(() => documents.dispose());

  it('are registered under the names in package.json', async () => {
    await extension().activate();
    const manifest = extension().packageJSON as {
      contributes: { languageModelTools: readonly { name: string }[] };
    };
    const named = manifest.contributes.languageModelTools.map((t) => t.name);
    const known = vscode.lm.tools.map((t) => t.name);
    assert.deepEqual(
      named.filter((n) => !known.includes(n)),
      [],
    );
  });

  it('estimate: batch sizes, what fits, and the layers with their ids', async () => {
    await copyOfSample('chat.onnx');
    const text = await invoke(estimateTool(services), {
      path: 'chat.onnx',
      batchSizes: [1, 4],
      budgetBytes: 8 * 1024 * 1024,
    });
    assert.match(text, /^\| 4 \|/m);
    assert.match(text, /Largest batch that fits 8\.00 MiB: \d+/);
    assert.match(text, /^\/f\/f\.6\/f\.6\.0\/Conv\tConv\t\d+\t\d+$/m);
  });

  it('quantize: a copy, once the person agrees; never the original', async () => {
    const source = await copyOfSample('chat.onnx');
    const before = await vscode.workspace.fs.readFile(source);
    const tool = quantizeTool(services);
    const input = { path: 'chat.onnx', output: 'chat.int8.onnx', layers: ['/fc1/Gemm'] };
    const prepared = await tool.prepareInvocation?.({ input }, token);
    assert.match(String(prepared?.confirmationMessages?.title), /chat\.onnx/);
    assert.match(await invoke(tool, input), /weights 612 KiB -> \d+ KiB/);
    const model = await openModel(inWorkspace('chat.int8.onnx').fsPath);
    assert.equal(model.graph.nodes.filter((n) => n.opType === 'MatMulInteger').length, 1);
    await model.source.close();
    assert.deepEqual(await vscode.workspace.fs.readFile(source), before);
    await assert.rejects(invoke(tool, { path: 'chat.onnx', output: 'chat.onnx' }), /original stays/);
    await assert.rejects(invoke(tool, { ...input, layers: ['no such layer'] }), /no node of that id/);
  });
});
