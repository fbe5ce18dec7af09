/** Which data edits that look at activations run: those beside the model, random ones, or others. */
import path from 'node:path';
import { l10n, type Uri } from 'vscode';
import { RANDOM_CALIBRATION } from '../../src/calibrated.ts';
import type { CalibrationData } from '../../src/transforms/index.ts';
import type { OnnxDocument } from '../document/onnx-document.ts';
import { askPlace, pickPlace } from './ask-place.ts';

/** Enough for ranges to settle, few enough for a model that takes a second. */
const samples = 128;

/** undefined where the person gave up. */
export function askCalibration(document: OnnxDocument): Promise<CalibrationData | undefined> {
  return askPlace<CalibrationData>(document, {
    title: l10n.t('Find the ranges of activations on which data?'),
    placeHolder: l10n.t('Samples like those that the model will see; it runs on them before it is saved.'),
    pickTitle: l10n.t('Calibration data'),
    randomDetail: l10n.t('Ranges of what the model will not see: to try it out'),
    random: () => RANDOM_CALIBRATION,
    at: (data) => dataAt(document, data),
  });
}

export async function pickCalibration(
  document: OnnxDocument,
  kind: 'file' | 'folder',
): Promise<CalibrationData | undefined> {
  const data = await pickPlace(document, kind, l10n.t('Calibration data'));
  return data && dataAt(document, data);
}

function dataAt({ uri }: OnnxDocument, data: Uri): CalibrationData {
  return dataFrom(uri, data.fsPath);
}

/**
 * As seen from the model where they lie beside or below it, so that both can be moved together.
 * @param data a path, absolute or from the model's folder
 */
export function dataFrom(model: Uri, data: string): CalibrationData {
  const { batchSize } = RANDOM_CALIBRATION;
  const folder = path.dirname(model.fsPath);
  const seen = path.relative(folder, path.resolve(folder, data));
  const isBelow = model.scheme === 'file' && !seen.startsWith('..') && !path.isAbsolute(seen);
  return { path: isBelow ? seen.replaceAll(path.sep, '/') : data, samples, batchSize };
}
