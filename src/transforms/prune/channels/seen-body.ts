/** Which bodies calibration sees into, and how it names what is there. */
import type { Scope } from '../../graph/workspace.ts';
import type { SeenBody } from './importance.ts';

/**
 * Undefined for the main graph; for bodies that are not, all the way up, of If, Loop or Scan; and for branches inside of a
 * Loop or Scan, which cannot stack what one turn has and another does not.
 */
export function seenBody(scope: Scope): SeenBody | undefined {
  let id: string | undefined;
  let loops = 0;
  let isBranch = false;
  for (let at = scope; at.parent !== undefined; at = at.parent) {
    const holder = at.parent.entries.find((e) => e.bodies.some((b) => b.scope === at));
    const body = holder?.bodies.find((b) => b.scope === at);
    const { opType = '', domain = '' } = holder?.original ?? {};
    if (holder === undefined || body === undefined || domain !== '') return undefined;
    if (!['If', 'Loop', 'Scan'].includes(opType)) return undefined;
    id ??= `${holder.id}/${body.attribute}`;
    if (opType !== 'If' && isBranch) return undefined;
    if (opType === 'If') isBranch = true;
    else loops++;
  }
  return id === undefined ? undefined : { id, loops };
}
