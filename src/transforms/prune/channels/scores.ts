/**
 * How much each channel of a layer matters, to be shown before any is removed.
 *
 *     const [group] = await channelScores(model, '/conv1/Conv', { importance: 'l1' });
 *     // { layers: ['/conv1/Conv'], channels: 64, scores: Float64Array(64) }
 */
import type { Calibration } from '../../../analysis/index.ts';
import { OnnxError } from '../../../onnx/index.ts';
import type { Model } from '../../../onnx/model.ts';
import type { ChannelImportance } from '../../recipe/prune-channels.ts';
import { Workspace } from '../../graph/workspace.ts';
import { constantsOf } from './describe.ts';
import { channelsOf, traceWorkspace } from './edit-plan.ts';
import { importanceOf, type ImportanceContext } from './importance.ts';
import { seenBody } from '../seen-body.ts';

export interface ScoreOptions {
  readonly importance: ChannelImportance;
  /** Groups, too, without some of which the rest is not exactly the same. */
  readonly approximate?: boolean | undefined;
  /** For `random`. Default 0. */
  readonly seed?: number | undefined;
  /** For `activation`. */
  readonly calibration?: Calibration | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ChannelScores {
  /** Nodes whose own weights make these channels. */
  readonly layers: readonly string[];
  readonly channels: number;
  /** One per unit, of a mean of 1 where it is a norm; the lowest go first. Several channels may be tied to one unit. */
  readonly scores: Float64Array;
}

/**
 * One entry per group of channels that the node makes and that can go; none where it makes none, or none can go.
 * Streams the group's weights once.
 * @throws OnnxError where a weight cannot be read or holds NaN or an infinity, or calibration data are needed
 */
export async function channelScores(
  model: Model,
  node: string,
  { importance, approximate = false, seed = 0, calibration, signal }: ScoreOptions,
): Promise<ChannelScores[]> {
  const ws = new Workspace(model);
  const scope = ws.entry(node)?.scope ?? ws.main;
  const { unshared, trace, grouping } = traceWorkspace(ws, scope);
  const tensors = constantsOf(unshared.model, trace);
  const tensor: ImportanceContext['tensor'] = (name) => tensors.get(name);
  const seen = seenBody(scope);
  const context = { model, trace, grouping, tensor, importance, seed, calibration, seen };
  const maker = [...trace.ids].find(([, id]) => id === node)?.[0];
  const groups = grouping.groups.filter((g) => maker !== undefined && g.makers.includes(maker));
  const found: ChannelScores[] = [];
  for (const group of groups) {
    if (group.blocker !== undefined || (group.approximation !== undefined && !approximate)) continue;
    const scores = await importanceOf(context, group, signal);
    if (scores.length !== group.units.length) {
      const message = 'this importance cannot be told of these channels: choose another';
      throw new OnnxError('unsupported', message, { file: model.source.file.name, node });
    }
    const layers = group.makers.map((n) => trace.ids.get(n) ?? n.name);
    found.push({ layers, channels: channelsOf(trace, grouping, group), scores });
  }
  return found;
}
