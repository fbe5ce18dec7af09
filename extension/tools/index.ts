/** The tools that chat may use, under the names in package.json. */
import { lm } from 'vscode';
import { Owner, type Disposable } from '../disposable.ts';
import type { Services } from '../services.ts';
import { estimateTool } from './estimate-tool.ts';
import { quantizeTool } from './quantize-tool.ts';

export function chatTools(services: Services): Disposable {
  const owner = new Owner();
  owner.own(lm.registerTool('vram-lens_estimate', estimateTool(services)));
  owner.own(lm.registerTool('vram-lens_quantize', quantizeTool(services)));
  return owner;
}
