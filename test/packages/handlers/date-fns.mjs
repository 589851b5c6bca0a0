import { addMonths, differenceInCalendarDays, format } from 'date-fns';
import { de } from 'date-fns/locale';

export function handle() {
  const day = addMonths(new Date(2024, 0, 31), 1);
  return {
    text: format(day, 'PPPP', { locale: de }),
    days: differenceInCalendarDays(day, new Date(2024, 0, 31)),
  };
}
