/** What is wrong or wasteful in a model, where a node is named with it. */
import { isWaste } from '../../text/waste.ts';
import { modelView } from '../../views/model-view.ts';
import type { Shown } from '../shown.ts';
import { sideView } from './side.ts';
import { wasteProblems } from './waste-problems.ts';
import { weightProblems } from './weight-problems.ts';

export interface ProblemView {
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly node?: string | undefined;
  /** Machine-readable: by it a fix is found. */
  readonly code?: string | undefined;
}

export function problems(shown: Shown): ProblemView[] {
  const weights = weightProblems(sideView(shown, 'current'));
  return [
    ...modelView(shown).diagnostics.filter((d) => !isWaste(d.code)),
    ...wasteProblems(shown),
    ...weights.map(({ node, message, code }) => ({ severity: 'warning' as const, message, node, code })),
  ];
}
