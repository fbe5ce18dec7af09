/** com.microsoft: operators that generate whole sequences, with a decoder as subgraph. */
import { DataType } from '../../../onnx/model.ts';
import { mul } from '../../dim.ts';
import type { Dim } from '../../types.ts';
import { tensor } from '../rule.ts';
import type { Rule, RuleContext, RuleTable } from '../rule.ts';

/** The decoder's steps have states and shapes that only the operator knows; its graphs are not inferred. */
function valueOf(c: RuleContext, input: number, label: string): Dim {
  return c.content(input)?.[0] ?? c.derived(0, label);
}

/** Audio [B, mels, frames] or ids [B, S]: B. */
function batchOf(c: RuleContext): Dim {
  return c.dims(0)?.[0] ?? c.derived(0, 'batch');
}

/** Scores have the type of the float inputs: `length_penalty` and the like. */
function floatTypeOf(c: RuleContext, ...inputs: readonly number[]): number {
  return inputs.map((i) => c.elem(i)).find((t) => t !== 0) ?? DataType.float;
}

function vocabulary(c: RuleContext, mask: number): Dim {
  const size = c.int('vocab_size', -1);
  return size > 0 ? size : (c.dims(mask)?.[0] ?? c.derived(0, 'vocabulary'));
}

/** input_ids, max_length, min_length, num_beams, num_return_sequences, length_penalty, repetition_penalty, … */
const beamSearch: Rule = (c) => {
  const [batch, length] = [batchOf(c), valueOf(c, 1, 'd2')];
  const [beams, kept] = [valueOf(c, 3, 'beams'), valueOf(c, 4, 'd1')];
  const type = floatTypeOf(c, 5, 6);
  return [
    tensor(DataType.int32, [batch, kept, length]),
    tensor(type, [batch, kept]),
    tensor(type, [c.derived(2, 'd0', length), batch, beams, vocabulary(c, 7)]),
    tensor(type, [batch, kept, c.derived(3, 'd2'), c.derived(3, 'd3', length), c.derived(3, 'd4')]),
    tensor(type, [batch]),
  ];
};

/** input_ids, max_length, …; the sequences have the prompt in them. */
const greedySearch: Rule = (c) => [tensor(c.elem(0), [batchOf(c), valueOf(c, 1, 'd1')])];

const sampling: Rule = (c) => [
  tensor(c.elem(0), [batchOf(c), valueOf(c, 1, 'd1')]),
  tensor(floatTypeOf(c, 3), [batchOf(c), vocabulary(c, 4)]),
];

/** src_tokens, cur_tokens, prev_suffix_match_idx, pred_tokens: at most all of the predicted ones more. */
const bifurcationDetector: Rule = (c) => [
  tensor(DataType.int64, [c.derived(0, 'd0')]),
  tensor(DataType.int64, c.shape(2)),
];

/** ids [B, S], scores [B, vocabulary]: as the scores. */
const nGramRepeatBlock: Rule = (c) => [tensor(c.elem(1), c.shape(1))];

/** ids [B, S], multipliers [n], vocab_sizes [heads] → [B, S, heads], the last n − 1 ids. */
const nGramHashMapping: Rule = (c) => {
  const ids = c.dims(0);
  const perOrder = c.int('n_head_per_ngram', 1);
  const order = c.int('max_ngram_size', 2);
  const heads = c.dims(2)?.[0] ?? mul(order - 1, perOrder);
  return [
    tensor(c.elem(0), ids ? [...ids, heads] : c.shape(0)),
    tensor(c.elem(0), ids ? [ids[0] ?? 1, order - 1] : c.shape(0)),
  ];
};

export const generation: RuleTable = {
  BeamSearch: beamSearch,
  WhisperBeamSearch: beamSearch,
  GreedySearch: greedySearch,
  Sampling: sampling,
  BifurcationDetector: bifurcationDetector,
  NGramRepeatBlock: nGramRepeatBlock,
  NGramHashMapping: nGramHashMapping,
};
