/** The rules by domain and operator. */
import type { Rule, RuleTable } from '../rule.ts';
import { attentionRules, microsoftAttentionRules } from './attention.ts';
import { elementwiseRules, microsoftElementwiseRules } from './broadcast.ts';
import { convRules } from './conv.ts';
import { joiningRules } from './joining.ts';
import { layoutRules } from './layout.ts';
import { matmulRules } from './matmul.ts';
import { microsoftNormRules, normRules } from './norm.ts';
import { recurrentRules } from './recurrent.ts';
import { reduceRules } from './reduce.ts';

const RULES: Readonly<Record<string, RuleTable>> = {
  '': {
    ...elementwiseRules,
    ...matmulRules,
    ...convRules,
    ...layoutRules,
    ...joiningRules,
    ...normRules,
    ...reduceRules,
    ...recurrentRules,
    ...attentionRules,
  },
  'com.microsoft': { ...microsoftElementwiseRules, ...microsoftNormRules, ...microsoftAttentionRules },
};

export function ruleOf(domain: string, opType: string): Rule | undefined {
  const table = RULES[domain];
  return table !== undefined && Object.hasOwn(table, opType) ? table[opType] : undefined;
}
