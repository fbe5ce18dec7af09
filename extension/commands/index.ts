/** Every command there is. */
import { checkAccuracy } from './check.ts';
import { clean, cleanModel } from './clean.ts';
import type { Command } from './command.ts';
import { compareFiles, compareWithHead } from './compare-files.ts';
import { compareLayers } from './compare-layers.ts';
import { compareWithOriginal } from './compare.ts';
import { installCudaSupport, removeCudaSupport } from './cuda.ts';
import { estimateMemory } from './estimate.ts';
import { findLargestBatch } from './find-largest.ts';
import { fitRatios } from './fit-ratios.ts';
import { pruneLayer, quantizeLayer, requantizeLayers, revealLayer, revertLayer } from './layer-commands.ts';
import { measure } from './measure.ts';
import { measureError } from './measure-error.ts';
import { openEditor } from './open-editor.ts';
import { openSample } from './open-sample.ts';
import { openText } from './open-text.ts';
import { prune } from './prune.ts';
import { quantize } from './quantize.ts';
import { revertAllEdits } from './revert-all.ts';
import { save } from './save.ts';
import { saveCompressed } from './save-compressed.ts';
import { sensitivity, stopSensitivity } from './sensitivity.ts';
import { cancelCheck, showCheck } from './show-check.ts';
import { showLog } from './show-log.ts';
import { textActions } from './text-actions.ts';
import { estimateTraining } from './training.ts';

export const commandList: readonly Command[] = [
  openEditor,
  openText,
  quantize,
  prune,
  estimateMemory,
  compareWithOriginal,
  compareFiles,
  compareWithHead,
  checkAccuracy,
  compareLayers,
  findLargestBatch,
  measure,
  estimateTraining,
  installCudaSupport,
  removeCudaSupport,
  measureError,
  clean,
  save,
  saveCompressed,
  revertAllEdits,
  sensitivity,
  stopSensitivity,
  fitRatios,
  openSample,
  showLog,
  showCheck,
  cancelCheck,
  revealLayer,
  quantizeLayer,
  requantizeLayers,
  pruneLayer,
  revertLayer,
  cleanModel,
  textActions,
];
