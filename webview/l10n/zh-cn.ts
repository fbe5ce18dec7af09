/** Every word of the page in Simplified Chinese. */
import { dialogs } from './zh-cn/dialogs.ts';
import { frame } from './zh-cn/frame.ts';
import { panes } from './zh-cn/panes.ts';
import type { TextKey } from './en.ts';

export const zhCn: Readonly<Record<TextKey, string>> = { ...frame, ...dialogs, ...panes };
