/** To be imported first: what is imported from `vscode` after it is what the session's thread has of it, as in its bundle. */
import Module from 'node:module';
import path from 'node:path';

type Resolve = (request: string, ...rest: unknown[]) => string;

const words = path.resolve(import.meta.dirname, '../../../extension/session/vscode.ts');
const modules = Module as unknown as { _resolveFilename: Resolve };
const resolve = modules._resolveFilename;
modules._resolveFilename = (request, ...rest) =>
  request === 'vscode' ? words : resolve.call(Module, request, ...rest);
