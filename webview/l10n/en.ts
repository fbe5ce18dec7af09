/** Every word of the page in English; `zh-cn.ts` has the same keys. Placeholders: see `t`. */
import { dialogs } from './en/dialogs.ts';
import { frame } from './en/frame.ts';
import { panes } from './en/panes.ts';

export const en = { ...frame, ...dialogs, ...panes } as const;

export type TextKey = keyof typeof en;
