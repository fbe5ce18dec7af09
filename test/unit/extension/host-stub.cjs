// A process that starts the bundle of the extension as VS Code does, with nothing behind `vscode`: whatever is asked of
// it gives more of the same. Prints the milliseconds of processor time until the extension is active, and which modules were
// loaded for that.
const Module = require('node:module');
// the extension host has these already
for (const name of ['child_process', 'crypto', 'fs/promises', 'os', 'path', 'util', 'worker_threads'])
  require(`node:${name}`);

const anything = () =>
  new Proxy(class {}, {
    get: (target, key) => {
      if (key === 'prototype') return target.prototype;
      if (key === Symbol.toPrimitive) return () => 'anything';
      if (key === Symbol.iterator) return () => [].values();
      return key === 'then' ? undefined : anything();
    },
    set: () => true,
    apply: () => anything(),
    // a subclass is itself
    construct: (target, args, made) =>
      made.prototype === target.prototype ? anything() : Reflect.construct(target, args, made),
  });
const vscode = anything();
const load = Module._load;
const loaded = new Set();
Module._load = (request, ...rest) => {
  loaded.add(request);
  return request === 'vscode' ? vscode : load(request, ...rest);
};

const memento = { keys: () => [], get: (_key, usual) => usual, update: () => Promise.resolve() };
const subscriptions = [];
const context = {
  ...{ subscriptions, workspaceState: memento, globalState: memento },
  ...{ extensionUri: {}, globalStorageUri: { fsPath: process.cwd() } },
};
const before = process.cpuUsage();
const { activate } = require(process.argv[2]);
const api = activate(context);
const { user, system } = process.cpuUsage(before);
const result = { processorMs: (user + system) / 1000, isActive: typeof api.view === 'function' };
process.stdout.write(JSON.stringify({ ...result, subscriptions: subscriptions.length, loaded: [...loaded] }));
process.exit();
