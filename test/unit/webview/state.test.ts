import assert from 'node:assert/strict';
import { latest } from '../../../webview/state/latest.ts';
import { defaultViewState, parseViewState } from '../../../webview/state/view-state.ts';

describe('webview: parseViewState', () => {
  it('takes defaults where nothing was saved', () => assert.deepEqual(parseViewState({}), defaultViewState));

  it('gives back what was saved', () => {
    const saved = {
      ...defaultViewState,
      tab: 'treemap',
      sort: { column: 'macs', isDescending: true },
      filter: 'conv',
      kind: 'weights',
      shown: ['name', 'macs'],
      widths: { macs: 120 },
      isGrouped: true,
      collapsed: ['a/b'],
      budgetBytes: 2 ** 33,
      isSideOpen: false,
      sideWidth: 420,
    } as const;
    assert.deepEqual(parseViewState(JSON.parse(JSON.stringify(saved)) as Record<string, unknown>), saved);
  });

  const wrong: readonly [field: string, value: unknown, expected: unknown][] = [
    ['tab', 'graphs', 'layers'],
    ['sort', { column: 'nope' }, undefined],
    ['sort', 'name', undefined],
    ['filter', 7, ''],
    ['shown', ['macs'], ['name', 'macs']],
    ['shown', 'all', defaultViewState.shown],
    ['widths', { macs: -4, name: 10, nope: 7 }, { name: 120 }],
    ['collapsed', ['a', 1], ['a']],
    ['budgetBytes', -1, undefined],
    ['budgetBytes', '8', undefined],
    ['sideWidth', 5000, 560],
    ['isSideOpen', 'yes', undefined],
  ];
  for (const [field, value, expected] of wrong) {
    it(`${field} ${JSON.stringify(value)} becomes ${JSON.stringify(expected)}`, () => {
      const state: Readonly<Record<string, unknown>> = { ...parseViewState({ [field]: value }) };
      assert.deepEqual(state[field], expected);
    });
  }
});

describe('webview: latest', () => {
  /** A host that answers when it is told to. */
  function slowHost() {
    const open: { readonly request: number; readonly settle: (error?: Error) => void }[] = [];
    const run = (request: number): Promise<string> =>
      new Promise((resolve, reject) => {
        open.push({
          request,
          settle: (error) => {
            if (error === undefined) resolve(`answer ${request}`);
            else reject(error);
          },
        });
      });
    return { open, run };
  }
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('runs one call at a time, skips what waited in between and shows the last answer only', async () => {
    const { open, run } = slowHost();
    const shown: string[] = [];
    const ask = latest(
      run,
      (answer) => shown.push(answer),
      (error) => shown.push(String(error)),
    );
    for (const request of [1, 12, 128]) ask(request);
    assert.deepEqual(
      open.map((o) => o.request),
      [1],
    );
    open[0]?.settle();
    await turn();
    assert.deepEqual(shown, [], 'the answer to 1 is stale');
    assert.deepEqual(
      open.map((o) => o.request),
      [1, 128],
    );
    open[1]?.settle();
    await turn();
    assert.deepEqual(shown, ['answer 128']);
  });

  it('goes on after a failure, and tells only of the last', async () => {
    const { open, run } = slowHost();
    const errors: string[] = [];
    const shown: string[] = [];
    const ask = latest(
      run,
      (answer) => shown.push(answer),
      (error) => errors.push(String(error)),
    );
    ask(1);
    open[0]?.settle(new Error('one'));
    await turn();
    ask(2);
    ask(3);
    open[1]?.settle(new Error('two'));
    await turn();
    open[2]?.settle();
    await turn();
    assert.deepEqual(errors, ['Error: one']);
    assert.deepEqual(shown, ['answer 3']);
  });
});
