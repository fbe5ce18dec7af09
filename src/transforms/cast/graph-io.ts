/** The model's inputs and outputs that can take another float type. */
import { analyze } from '../../analysis/index.ts';
import { DataType, type Value } from '../../onnx/model.ts';
import type { Workspace } from '../graph/workspace.ts';
import type { Warning } from '../recipe/recipe.ts';

export interface GraphIo {
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  /** About those that cannot. */
  readonly warnings: readonly Warning[];
}

/** The float32 ones; initializers that are inputs or outputs, too, keep their type. */
export function graphIo(ws: Workspace): GraphIo {
  const { graph } = ws.main;
  const analysis = analyze(ws.model);
  const warnings: Warning[] = [];
  const isFloat32 = ({ name, type }: Value): boolean =>
    type?.kind === 'tensor' && (type.elemType || analysis.elemTypeOf(name)) === DataType.float;
  const isWanted = (value: Value): boolean => {
    if (!isFloat32(value)) return false;
    const why = keeps(ws, value.name);
    if (why === undefined) return true;
    const message = `"${value.name}" stays float32: ${why}`;
    warnings.push({ code: 'io-kept', message });
    return false;
  };
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name)).filter(isWanted);
  const outputs = graph.outputs.filter(isWanted);
  const names = (values: readonly Value[]) => new Set(values.map(({ name }) => name));
  return { inputs: names(inputs), outputs: names(outputs), warnings };
}

function keeps(ws: Workspace, name: string): string | undefined {
  if (ws.main.graph.initializers.has(name)) return 'it is a constant';
  const isGivenInside = ws.scopes.some(
    ({ graph, producers, inputs }) =>
      graph !== ws.main.graph &&
      graph.outputs.some((o) => o.name === name) &&
      !producers.has(name) &&
      !inputs.has(name),
  );
  return isGivenInside ? 'a subgraph hands it on as it is' : undefined;
}
