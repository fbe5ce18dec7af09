/** Versions of operators where the nodes of functions come among those of the model. */
import {
  opsetVersion,
  subgraphs,
  type Graph,
  type Model,
  type Node,
  type OpsetImport,
} from '../../onnx/model.ts';
import { CHANGES } from '../graph/opset-changes.ts';
import { graphsOf } from './graphs.ts';

/** Between these versions it is known which operators of ai.onnx changed. */
const [LOWEST, HIGHEST] = [7, 22];

/** Why functions and model cannot have one version of each domain; undefined where they can. */
export function whyApartImports(model: Model): string | undefined {
  const target = newest(model);
  const parts = [
    { name: '', version: opsetVersion(model) ?? target, nodes: nodesOf(model.graph.nodes) },
    ...model.functions.map((f) => ({
      name: f.name,
      version: f.opsetImports.find((o) => o.domain === '')?.version ?? target,
      nodes: nodesOf(f.nodes),
    })),
  ];
  for (const { name, version, nodes } of parts) {
    if (version === target) continue;
    const which = name === '' ? 'the model' : `the function "${name}"`;
    if (version < LOWEST || target > HIGHEST)
      return `${which} is of ai.onnx opset ${version}, others of ${target}`;
    const isOther = (n: Node): boolean =>
      n.domain === '' &&
      (CHANGES.get(n.opType) ?? []).some(({ since }) => since > version && since <= target);
    const other = nodes.find(isOther);
    if (other !== undefined)
      return `${which} is of ai.onnx opset ${version}, others of ${target}, where ${other.opType} is another operator`;
  }
  const domains = importedBy(model);
  for (const f of model.functions) {
    for (const { domain, version } of f.opsetImports) {
      const own = domains.get(domain);
      if (domain !== '' && own !== undefined && own !== version)
        return `the function "${f.name}" is of ${domain} opset ${version}, others of ${own}`;
    }
  }
  return undefined;
}

function newest({ opsetImports, functions }: Model): number {
  const all = [...opsetImports, ...functions.flatMap((f) => f.opsetImports)];
  return Math.max(1, ...all.filter((o) => o.domain === '').map((o) => o.version));
}

/** By domain, what is imported first. */
function importedBy({ opsetImports, functions }: Model): Map<string, number> {
  const found = new Map<string, number>();
  for (const { domain, version } of [...opsetImports, ...functions.flatMap((f) => f.opsetImports)])
    if (!found.has(domain)) found.set(domain, version);
  return found;
}

function nodesOf(nodes: readonly Node[]): Node[] {
  return nodes.flatMap((n) => [n, ...subgraphs(n).flatMap((s) => nodesOf(s.graph.nodes))]);
}

/** Of the model once the functions are written out in `graph`. */
export function importsOf(model: Model, graph: Graph): readonly OpsetImport[] {
  const used = new Set(graphsOf(graph).flatMap((g) => g.nodes.map((n) => n.domain)));
  const own = new Set(model.functions.map((f) => f.domain));
  const target = newest(model);
  const kept = model.opsetImports
    .filter((o) => used.has(o.domain) || !own.has(o.domain))
    .map((o) => (o.domain === '' && o.version !== target ? { domain: '', version: target } : o));
  const known = new Set(kept.map((o) => o.domain));
  const added = [...importedBy(model)].filter(([domain]) => used.has(domain) && !known.has(domain));
  return [
    ...kept,
    ...added.map(([domain, version]) => ({ domain, version: domain === '' ? target : version })),
  ];
}
