/** "Show Log". */
import { log } from '../log.ts';
import type { Command } from './command.ts';

export const showLog: Command = { id: 'vramLens.showLog', run: () => log().show() };
