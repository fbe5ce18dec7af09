import assert from 'node:assert/strict';
import { saveDecision, type SaveState } from '../../../extension/editor/save-decision.ts';

const state: SaveState = {
  ...{ mayOverwrite: false, isAutoSaveOn: true, isAsked: false },
  ...{ original: '629240 1700000000000', toldOf: undefined },
};

describe('a save that VS Code asks for', () => {
  const cases: readonly (readonly [string, Partial<SaveState>, ReturnType<typeof saveDecision>])[] = [
    ['by auto save, of an original: is told of', {}, 'tell'],
    ['once', { toldOf: state.original }, 'put off'],
    ['and anew where the original is another file by now', { toldOf: '629240 1600000000000' }, 'tell'],
    ['and where it is not known which file it is', { original: undefined, toldOf: undefined }, 'tell'],
    ['is asked of where a person wanted it', { isAsked: true }, 'ask'],
    ['though told before', { isAsked: true, toldOf: state.original }, 'ask'],
    ['is asked of without auto save', { isAutoSaveOn: false }, 'ask'],
    ['is written where nothing is lost', { mayOverwrite: true }, 'write'],
    ['also by auto save, told or not', { mayOverwrite: true, toldOf: state.original }, 'write'],
  ];
  for (const [name, change, expected] of cases)
    it(name, () => assert.equal(saveDecision({ ...state, ...change }), expected));
});
