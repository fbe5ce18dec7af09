import assert from 'node:assert/strict';
import { createPeer, type Port, RpcError } from '../../../src/rpc.ts';

interface Left {
  add(a: number, b: number): Promise<number>;
  fail(message: string): Promise<never>;
  throwsAtOnce(): Promise<void>;
  never(): Promise<void>;
  notClonable(): Promise<unknown>;
}
interface Right {
  ping(): Promise<string>;
}

/** Two ports joined by structured clones, delivered in a later task as postMessage does. */
function channel(): [Port, Port] {
  const listeners: [Set<(m: unknown) => void>, Set<(m: unknown) => void>] = [new Set(), new Set()];
  const port = (own: 0 | 1, other: 0 | 1): Port => ({
    post: (message) => {
      const copy: unknown = structuredClone(message);
      setImmediate(() => {
        for (const l of listeners[other]) l(copy);
      });
    },
    listen: (handler) => {
      listeners[own].add(handler);
      return () => listeners[own].delete(handler);
    },
  });
  return [port(0, 1), port(1, 0)];
}

class LeftHost implements Left {
  readonly base = 1;
  add(a: number, b: number): Promise<number> {
    return Promise.resolve(this.base * (a + b));
  }
  fail(message: string): Promise<never> {
    return Promise.reject(new Error(message));
  }
  throwsAtOnce(): Promise<void> {
    throw new TypeError('at once');
  }
  never(): Promise<void> {
    return new Promise(() => undefined);
  }
  notClonable(): Promise<unknown> {
    return Promise.resolve(() => undefined);
  }
}

const right: Right = { ping: () => Promise.resolve('pong') };
const failsWith = (kind: RpcError['kind'], message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcError);
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

describe('rpc', () => {
  const joined = () => {
    const [a, b] = channel();
    const errors: string[] = [];
    const host = createPeer<Left, Right>(a, new LeftHost(), { onError: (method) => errors.push(method) });
    const page = createPeer<Right, Left>(b, right);
    return { a, b, host, page, errors };
  };

  it('calls both ways, with `this` kept', async () => {
    const { host, page } = joined();
    assert.equal(await page.remote.add(2, 3), 5);
    assert.equal(await host.remote.ping(), 'pong');
  });

  it('answers many calls each with its own result', async () => {
    const { page } = joined();
    const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => page.remote.add(i, 1)));
    assert.deepEqual(
      sums,
      sums.map((_, i) => i + 1),
    );
  });

  it('passes on a rejection and a throw, and tells the local side', async () => {
    const { page, errors } = joined();
    await assert.rejects(page.remote.fail('no such layer'), failsWith('remote', /^no such layer$/));
    await assert.rejects(page.remote.throwsAtOnce(), failsWith('remote', /^at once$/));
    assert.deepEqual(errors, ['fail', 'throwsAtOnce']);
  });

  it('rejects methods that do not exist or that every object inherits', async () => {
    const { page } = joined();
    const remote = page.remote as unknown as Record<string, () => Promise<unknown>>;
    for (const name of ['nothing', 'toString', 'constructor', 'hasOwnProperty', 'base'])
      await assert.rejects(remote[name]!(), failsWith('unknown-method', new RegExp(name)));
  });

  it('rejects a result that cannot be cloned', async () => {
    const { page } = joined();
    await assert.rejects(page.remote.notClonable(), failsWith('remote', /clone/));
  });

  it('rejects open and later calls after dispose', async () => {
    const { page } = joined();
    const open = page.remote.never();
    page.dispose();
    await assert.rejects(open, failsWith('disposed', /never/));
    await assert.rejects(page.remote.add(1, 1), failsWith('disposed', /add/));
  });

  it('rejects the host’s open calls when the page is loaded anew, not those of the new page', async () => {
    const [a, b] = channel();
    const host = createPeer<Left, Right>(a, new LeftHost());
    createPeer<object, Left>(b, { ping: () => new Promise(() => undefined) }).dispose();
    const open = host.remote.ping();
    const page = createPeer<Right, Left>(b, right, { announce: true });
    const sum = page.remote.add(1, 2);
    await assert.rejects(open, failsWith('restarted', /ping/));
    assert.equal(await sum, 3);
    assert.equal(await host.remote.ping(), 'pong');
  });

  const lost: readonly [string, () => unknown][] = [
    ['false', () => Promise.resolve(false)],
    ['a rejection', () => Promise.reject(new Error('gone'))],
    [
      'a throw',
      () => {
        throw new Error('gone');
      },
    ],
  ];
  for (const [name, post] of lost)
    it(`rejects a call whose message was answered by ${name}`, async () => {
      const peer = createPeer<object, Right>({ post, listen: () => () => undefined }, {});
      await assert.rejects(peer.remote.ping(), failsWith('not-delivered', /ping/));
    });

  it('waits where the port answers true', async () => {
    let handler: (m: unknown) => void = () => undefined;
    const port: Port = {
      post: (m) => {
        setImmediate(() => handler({ rpc: 'ok', id: (m as { id: number }).id, value: 'late' }));
        return Promise.resolve(true);
      },
      listen: (h) => {
        handler = h;
        return () => undefined;
      },
    };
    assert.equal(await createPeer<object, Right>(port, {}).remote.ping(), 'late');
  });

  it('ignores messages that are not its own', async () => {
    const [a, b] = channel();
    createPeer<Left, Right>(a, new LeftHost());
    const page = createPeer<Right, Left>(b, right);
    for (const m of [
      null,
      1,
      'x',
      {},
      { rpc: 'ok' },
      { rpc: 'call', id: 1 },
      { rpc: 'ok', id: 99, value: 1 },
    ]) {
      a.post(m);
      b.post(m);
    }
    assert.equal(await page.remote.add(1, 1), 2);
  });

  it('is not taken for a promise', async () => {
    const { page } = joined();
    assert.equal(await Promise.resolve(page.remote).then((r) => r.add(1, 1)), 2);
  });
});
