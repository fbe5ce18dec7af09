/** The data that an edit which looks at activations runs through the model. */
import type { CalibrationView } from '../../src/protocol.ts';
import { Icon } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { chooseCalibration, randomCalibration } from '../state/draft.ts';
import { isTrusted } from '../state/store.ts';

export interface CalibrationFieldProps {
  readonly value: CalibrationView | undefined;
  readonly onChange: (value: CalibrationView) => void;
}

export function CalibrationField({ value = randomCalibration, onChange }: CalibrationFieldProps) {
  const { path } = value;
  const choose = async (kind: 'file' | 'folder'): Promise<void> => {
    const chosen = await chooseCalibration(kind);
    if (chosen !== undefined) onChange(chosen);
  };
  return (
    <fieldset class="calibration">
      <legend>{t('calibration.title')}</legend>
      <p class="calibration-line">
        <Icon name={path === undefined ? 'question' : 'database'} />
        <span class="calibration-name" title={path}>
          {path ?? t('calibration.random')}
        </span>
        <button type="button" class="button secondary small" onClick={() => void choose('file')}>
          {t('calibration.file')}
        </button>
        <button type="button" class="button secondary small" onClick={() => void choose('folder')}>
          {t('calibration.folder')}
        </button>
        {path !== undefined && (
          <button type="button" class="link" onClick={() => onChange(randomCalibration)}>
            {t('calibration.toRandom')}
          </button>
        )}
      </p>
      <p class="muted">
        {path === undefined ? t('calibration.random.hint') : t('calibration.hint', { n: value.samples })}
      </p>
      {!isTrusted.value && (
        <p class="preview-line warning">
          <Icon name="warning" />
          <span>{t('calibration.untrusted')}</span>
        </p>
      )}
    </fieldset>
  );
}
