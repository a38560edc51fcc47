@echo off
rem Set mlplab up from the folder of this file, on Windows, without a network. Double-click it.
setlocal
set "here=%~dp0"
set "python="
for %%v in (3.15 3.14 3.13 3.12 3.11) do (
    if not defined python (
        py -%%v -B "%here%install.py" --suits >nul 2>nul && set "python=py -%%v"
    )
)
if not defined python (
    python -B "%here%install.py" --suits >nul 2>nul && set "python=python"
)
if not defined python (
    rem none suits: let one of them say why
    python -c "f''" >nul 2>nul && set "python=python"
)
if not defined python (
    py -c "f''" >nul 2>nul && set "python=py"
)
if not defined python (
    echo There is no Python on this machine. Install one of those that README.txt names, and start this again.
    pause
    exit /b 1
)
%python% -B "%here%install.py" %*
set "failed=%errorlevel%"
pause
exit /b %failed%
