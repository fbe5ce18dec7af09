/** What GPTQ asks of calibration data: the second moments of a layer's input. */
import type { CalibrationTarget, Gram, GramTarget } from '../../analysis/index.ts';
import { OnnxError } from '../../onnx/index.ts';
import { attributeInt } from '../../onnx/model.ts';
import type { StepContext } from '../context.ts';
import type { Entry } from '../graph/workspace.ts';
import type { BlocksEdit } from '../recipe/recipe.ts';
import type { BlockSizes } from '../weights/block-tensors.ts';
import type { Blocked } from '../weights/find.ts';
import { MAX_GPTQ_DEPTH } from '../weights/gptq.ts';

export interface GptqCalibration {
  readonly needs: readonly CalibrationTarget[];
  /** Undefined for other algorithms. */
  readonly gram: (() => Promise<Gram>) | undefined;
}

const ROWS: GramTarget = { kind: 'rows' };

/** What is needed, or why GPTQ cannot be used. Other algorithms need nothing. */
export function gptqCalibration(
  { ws, calibration }: StepContext,
  entry: Entry,
  { algorithm }: BlocksEdit,
  { depth }: BlockSizes,
): GptqCalibration | Blocked {
  if (algorithm !== 'gptq') return { needs: [], gram: undefined };
  if (entry.scope !== ws.main) return { reason: 'GPTQ sees the main graph only, not subgraphs: use HQQ' };
  if (attributeInt(entry.original, 'transA', 0) !== 0)
    return { reason: 'GPTQ takes no transposed A: use HQQ' };
  if (depth > MAX_GPTQ_DEPTH) {
    return { reason: `GPTQ holds K² numbers: K is ${depth}, at most ${MAX_GPTQ_DEPTH}: use HQQ` };
  }
  const [tensor = ''] = entry.original.inputs;
  const gram = async (): Promise<Gram> => {
    const found = await calibration?.gram(tensor, ROWS);
    if (found !== undefined) return found;
    const message = `GPTQ needs calibration data of "${tensor}": run them, or choose HQQ`;
    throw new OnnxError('unsupported', message, { file: ws.model.source.file.name, node: entry.id });
  };
  return { needs: [{ tensor, gram: ROWS }], gram };
}
