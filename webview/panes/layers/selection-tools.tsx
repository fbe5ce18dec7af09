/** What can be done to the chosen layers. */
import { Icon } from '../../components/icon.tsx';
import { Popover } from '../../components/popover.tsx';
import { t } from '../../l10n/index.ts';
import { selectedLayers, selection } from '../../state/store.ts';
import { CommandItem } from './command-item.tsx';
import { layerCommands } from './commands.ts';

export function SelectionTools() {
  const chosen = selectedLayers.value;
  const count = selection.value.size;
  return (
    <div class="selection-tools" role="toolbar" aria-label={t('selection.label')}>
      <span class="muted selection-count" role="status">
        {count === 0 ? t('selection.none') : t('selection.count', { n: count })}
      </span>
      {layerCommands
        .filter((command) => command.isInToolbar)
        .map((command) => {
          const blocked = command.blocked(chosen);
          return (
            <button
              key={command.id}
              type="button"
              class="button secondary"
              disabled={blocked !== undefined}
              title={blocked ?? t(command.hint)}
              onClick={() => command.run(chosen)}
            >
              <Icon name={command.icon} />
              <span>{t(command.title)}</span>
            </button>
          );
        })}
      <Popover label={t('selection.more')} face={<Icon name="ellipsis" />} buttonClass="icon-button">
        {(close) => (
          <div role="menu" aria-label={t('selection.more')}>
            {layerCommands
              .filter((command) => !command.isInToolbar)
              .map((command) => (
                <CommandItem key={command.id} command={command} rows={chosen} close={close} />
              ))}
          </div>
        )}
      </Popover>
    </div>
  );
}
